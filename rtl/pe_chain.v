// The processing elements of a row: the spike goes from column to column, and two chains gather what
// the columns hold when it passes, one for the current window and one for that before.
module pe_chain #(
    parameter W = 8
) (
    input             clk,
    input             reset,
    input             spike,
    input [W-1:0]     columns_current,
    input [W-1:0]     columns_previous,
    input [16*W-1:0]  columns,         // values on the columns
    output [W-1:0]    spikes_current,  // by column
    output [W-1:0]    spikes_previous,
    output [15:0]     value_current,
    output [15:0]     value_previous
);
    wire [W:0]         spikes;
    wire [16*(W+1)-1:0] chain_current, chain_previous;
    assign spikes[0] = spike;
    assign chain_current[15:0] = 16'd0;
    assign chain_previous[15:0] = 16'd0;
    genvar j;
    generate
        for (j = 0; j < W; j = j + 1) begin : column
            pe pe (
                .clk(clk), .reset(reset), .spike(spikes[j]),
                .current(columns_current[j]), .previous(columns_previous[j]),
                .column(columns[16*j +: 16]),
                .chain_current_in(chain_current[16*j +: 16]),
                .chain_previous_in(chain_previous[16*j +: 16]),
                .chain_current_out(chain_current[16*(j+1) +: 16]),
                .chain_previous_out(chain_previous[16*(j+1) +: 16]),
                .spike_next(spikes[j+1])
            );
        end
    endgenerate
    assign value_current = chain_current[16*W +: 16];
    assign value_previous = chain_previous[16*W +: 16];
    assign spikes_current = spikes[W-1:0] & columns_current;
    assign spikes_previous = spikes[W-1:0] & columns_previous;
endmodule
