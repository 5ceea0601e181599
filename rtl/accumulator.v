// A row's adder with its partial sums: one BF16 accumulation a cycle. Output stationary GEMM: a sum a
// column, the columns of a window in order. Softmax: the sum of a row's exponentials, in place of
// that of column 0.
module accumulator #(
    parameter W = 8
) (
    input             clk,
    input             reset,
    input             begin_window,
    input             first_current,        // accumulation starts at zero, by window
    input             first_previous,
    input             last_current,         // the sum is an output, by window
    input             last_previous,
    input [2:0]       last_column_current,
    input [2:0]       last_column_previous,
    input             ready,                // a product of column `next`
    input [15:0]      product,
    output reg [2:0]  next,
    output reg        behind,               // that product is of the window before
    input             add_exponential,      // of the window before; no product is ready then
    input [15:0]      exponential,
    output            output_ready,
    output [15:0]     sum,
    output [15:0]     sum_of_exponentials
);
    reg [15:0] sums [0:W-1];

    wire       first = behind | add_exponential ? first_previous : first_current;
    wire       last = behind ? last_previous : last_current;
    wire       wraps = next == (behind ? last_column_previous : last_column_current);
    wire [2:0] place = add_exponential ? 3'd0 : next;
    wire [2:0] following = ~ready ? next : wraps ? 3'd0 : next + 3'd1;

    bf16_adder adder (
        .a(first ? 16'd0 : sums[place]), .b(add_exponential ? exponential : product), .sum(sum)
    );

    assign output_ready = ready & last;
    assign sum_of_exponentials = sums[0];

    always @(posedge clk) begin
        if (ready | add_exponential) sums[place] <= sum;
        if (reset) begin
            next <= 0;
            behind <= 0;
        end else begin
            next <= following;
            // with the window's end: is any of its products still to be taken?
            behind <= (begin_window | behind) & following != 0;
        end
    end
endmodule
