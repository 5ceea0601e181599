// Exponent subscription of a row: of the values that a spike lets onto the row, one a column, that of
// the exponent's column is the result, unless it is replaced. The spike itself, as it moves through
// the columns, is the second counter of the paper. A result can come after the window's end, in the
// same cycle as one of the next window: both have registers, and that of the window before is given
// at the end of the running one.
module exponent_selection #(
    parameter W = 8
) (
    input         clk,
    input         reset,
    input         begin_window,
    input         window_ends,      // the running one, whether or not one follows
    input         used,             // of the next window: the row has an input, of the LUT's sign
    input [2:0]   offset,
    input         replaced,
    input [15:0]  replacement,
    input [W-1:0] spikes_current,
    input [W-1:0] spikes_previous,
    input [15:0]  chain_current,
    input [15:0]  chain_previous,
    output        selects_current,  // in this cycle, a result of the running window
    output        selects_previous, // of the window before
    output        result_ready,     // `result` of the window before is complete
    output [15:0] result
);
    reg        used_current, used_previous, replaced_current, replaced_previous;
    reg [2:0]  offset_current, offset_previous;
    reg [15:0] result_current, result_previous;

    wire [7:0]  current_of_8 = {{8 - W{1'b0}}, spikes_current};
    wire [7:0]  previous_of_8 = {{8 - W{1'b0}}, spikes_previous};
    wire [15:0] held = selects_current & ~replaced_current ? chain_current : result_current;

    assign selects_current = used_current & current_of_8[offset_current];
    assign selects_previous = used_previous & previous_of_8[offset_previous];
    assign result_ready = window_ends & used_previous;
    assign result = result_previous;

    always @(posedge clk)
        if (reset) begin
            used_current <= 0;
            used_previous <= 0;
        end else if (begin_window) begin
            used_current <= used;
            offset_current <= offset;
            replaced_current <= replaced;
            result_current <= replacement;
            used_previous <= used_current;
            offset_previous <= offset_current;
            replaced_previous <= replaced_current;
            result_previous <= held;
        end else begin
            result_current <= held;
            if (selects_previous & ~replaced_previous) result_previous <= chain_previous;
        end
endmodule
